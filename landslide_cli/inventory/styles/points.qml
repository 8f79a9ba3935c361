<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.22.0" styleCategories="Symbology|MapTips">
  <renderer-v2 type="categorizedSymbol" attr="change" symbollevels="0" forceraster="0" enableorderby="0">
    <categories>
      <category symbol="0" value="new" label="new" render="true"/>
      <category symbol="1" value="grown" label="grown" render="true"/>
      <category symbol="2" value="known" label="known" render="true"/>
      <category symbol="3" value="shrunk" label="shrunk" render="true"/>
      <category symbol="4" value="gone" label="gone" render="true"/>
      <category symbol="5" value="not analysed" label="not analysed: the other inventory never looked there" render="true"/>
    </categories>
    <symbols>
    <symbol name="0" type="marker" alpha="1" clip_to_extent="1" force_rhr="0">
      <layer class="SimpleMarker" enabled="1" locked="0" pass="0">
        <prop k="name" v="circle"/>
        <prop k="color" v="255,36,60,255"/>
        <prop k="outline_color" v="0,0,0,190"/>
        <prop k="outline_width" v="0.3"/>
        <prop k="outline_width_unit" v="MM"/>
        <prop k="size" v="2.4"/>
        <prop k="size_unit" v="MM"/>
      </layer>
    </symbol>
    <symbol name="1" type="marker" alpha="1" clip_to_extent="1" force_rhr="0">
      <layer class="SimpleMarker" enabled="1" locked="0" pass="0">
        <prop k="name" v="circle"/>
        <prop k="color" v="255,122,0,255"/>
        <prop k="outline_color" v="0,0,0,190"/>
        <prop k="outline_width" v="0.3"/>
        <prop k="outline_width_unit" v="MM"/>
        <prop k="size" v="2.4"/>
        <prop k="size_unit" v="MM"/>
      </layer>
    </symbol>
    <symbol name="2" type="marker" alpha="1" clip_to_extent="1" force_rhr="0">
      <layer class="SimpleMarker" enabled="1" locked="0" pass="0">
        <prop k="name" v="circle"/>
        <prop k="color" v="255,246,0,255"/>
        <prop k="outline_color" v="0,0,0,190"/>
        <prop k="outline_width" v="0.3"/>
        <prop k="outline_width_unit" v="MM"/>
        <prop k="size" v="2.4"/>
        <prop k="size_unit" v="MM"/>
      </layer>
    </symbol>
    <symbol name="3" type="marker" alpha="1" clip_to_extent="1" force_rhr="0">
      <layer class="SimpleMarker" enabled="1" locked="0" pass="0">
        <prop k="name" v="circle"/>
        <prop k="color" v="0,200,140,255"/>
        <prop k="outline_color" v="0,0,0,190"/>
        <prop k="outline_width" v="0.3"/>
        <prop k="outline_width_unit" v="MM"/>
        <prop k="size" v="2.4"/>
        <prop k="size_unit" v="MM"/>
      </layer>
    </symbol>
    <symbol name="4" type="marker" alpha="1" clip_to_extent="1" force_rhr="0">
      <layer class="SimpleMarker" enabled="1" locked="0" pass="0">
        <prop k="name" v="circle"/>
        <prop k="color" v="40,140,255,255"/>
        <prop k="outline_color" v="0,0,0,190"/>
        <prop k="outline_width" v="0.3"/>
        <prop k="outline_width_unit" v="MM"/>
        <prop k="size" v="2.4"/>
        <prop k="size_unit" v="MM"/>
      </layer>
    </symbol>
    <symbol name="5" type="marker" alpha="1" clip_to_extent="1" force_rhr="0">
      <layer class="SimpleMarker" enabled="1" locked="0" pass="0">
        <prop k="name" v="circle"/>
        <prop k="color" v="200,200,200,255"/>
        <prop k="outline_color" v="0,0,0,190"/>
        <prop k="outline_width" v="0.3"/>
        <prop k="outline_width_unit" v="MM"/>
        <prop k="size" v="2.4"/>
        <prop k="size_unit" v="MM"/>
      </layer>
    </symbol>
    </symbols>
  </renderer-v2>
  <mapTip>&lt;b>[% "change" %]&lt;/b>&lt;br>
[% "id_there" %] of the [% "inventory" %] inventory</mapTip>
</qgis>
