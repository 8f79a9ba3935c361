<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.22.0" styleCategories="Symbology|MapTips">
  <renderer-v2 type="RuleRenderer" symbollevels="0" forceraster="0" enableorderby="1">
    <rules key="{landslides-before}">
      <rule key="{landslides-before-0}" filter="&quot;new&quot;" symbol="0" label="new"/>
      <rule key="{landslides-before-1}" filter="NOT &quot;new&quot;" symbol="1" label="there before"/>
      <rule key="{landslides-before-2}" filter="&quot;new&quot; IS NULL" symbol="2" label="ground not seen before"/>
    </rules>
    <symbols>
    <symbol name="0" type="fill" alpha="1" clip_to_extent="1" force_rhr="0">
      <layer class="SimpleFill" enabled="1" locked="0" pass="0">
        <prop k="color" v="255,36,60,34"/>
        <prop k="style" v="solid"/>
        <prop k="outline_style" v="no"/>
      </layer>
      <layer class="SimpleLine" enabled="1" locked="0" pass="0">
        <prop k="line_color" v="0,0,0,190"/>
        <prop k="line_width" v="1.06"/>
        <prop k="line_width_unit" v="MM"/>
        <prop k="joinstyle" v="round"/>
        <prop k="capstyle" v="flat"/>
      </layer>
      <layer class="SimpleLine" enabled="1" locked="0" pass="0">
        <prop k="line_color" v="255,36,60,255"/>
        <prop k="line_width" v="0.6"/>
        <prop k="line_width_unit" v="MM"/>
        <prop k="joinstyle" v="round"/>
        <prop k="capstyle" v="flat"/>
      </layer>
    </symbol>
    <symbol name="1" type="fill" alpha="1" clip_to_extent="1" force_rhr="0">
      <layer class="SimpleFill" enabled="1" locked="0" pass="0">
        <prop k="color" v="92,200,255,0"/>
        <prop k="style" v="solid"/>
        <prop k="outline_style" v="no"/>
      </layer>
      <layer class="SimpleLine" enabled="1" locked="0" pass="0">
        <prop k="line_color" v="0,0,0,190"/>
        <prop k="line_width" v="0.86"/>
        <prop k="line_width_unit" v="MM"/>
        <prop k="joinstyle" v="round"/>
        <prop k="capstyle" v="flat"/>
      </layer>
      <layer class="SimpleLine" enabled="1" locked="0" pass="0">
        <prop k="line_color" v="92,200,255,255"/>
        <prop k="line_width" v="0.4"/>
        <prop k="line_width_unit" v="MM"/>
        <prop k="joinstyle" v="round"/>
        <prop k="capstyle" v="flat"/>
      </layer>
    </symbol>
    <symbol name="2" type="fill" alpha="1" clip_to_extent="1" force_rhr="0">
      <layer class="SimpleFill" enabled="1" locked="0" pass="0">
        <prop k="color" v="255,255,255,0"/>
        <prop k="style" v="solid"/>
        <prop k="outline_style" v="no"/>
      </layer>
      <layer class="SimpleLine" enabled="1" locked="0" pass="0">
        <prop k="line_color" v="0,0,0,190"/>
        <prop k="line_width" v="0.86"/>
        <prop k="line_width_unit" v="MM"/>
        <prop k="joinstyle" v="round"/>
        <prop k="capstyle" v="flat"/>
      </layer>
      <layer class="SimpleLine" enabled="1" locked="0" pass="0">
        <prop k="line_color" v="255,255,255,255"/>
        <prop k="line_width" v="0.4"/>
        <prop k="line_width_unit" v="MM"/>
        <prop k="joinstyle" v="round"/>
        <prop k="capstyle" v="flat"/>
        <prop k="use_custom_dash" v="1"/>
        <prop k="customdash" v="3;2"/>
        <prop k="customdash_unit" v="MM"/>
      </layer>
    </symbol>
    </symbols>
    <orderby>
      <orderByClause asc="1" nullsFirst="1">"new"</orderByClause>
    </orderby>
  </renderer-v2>
  <mapTip>&lt;b>Landslide [% "id" %]&lt;/b>, [% if("new" IS NULL, 'ground not seen before', if("new", 'new', 'there before')) %]&lt;br>
[% format_number("area_m2", 0) %] m², mean probability [% format_number("prob_mean", 2) %], before [% format_number("prob_before", 2) %]
[% if("cut", '&lt;br>cut by the border of the analysed area', '') %]</mapTip>
</qgis>
