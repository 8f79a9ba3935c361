<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.22.0" labelsEnabled="1" styleCategories="LayerConfiguration|Symbology|Labeling|Fields|Forms|MapTips">
  <renderer-v2 type="categorizedSymbol" attr="$class_of" symbollevels="0" forceraster="0" enableorderby="1">
    <categories>
$categories
    </categories>
    <symbols>
$symbols
    </symbols>
    <orderby>
      <orderByClause asc="1" nullsFirst="1">"prob_mean"</orderByClause>
    </orderby>
  </renderer-v2>
  <labeling type="simple">
    <settings calloutType="simple">
      <text-style fieldName="id" isExpression="0" fontFamily="Sans" namedStyle="Bold" fontWeight="75" fontSize="8" fontSizeUnit="Point" textColor="255,255,255,255" textOpacity="1" blendMode="0">
        <text-buffer bufferDraw="1" bufferNoFill="1" bufferSize="0.7" bufferSizeUnits="MM" bufferColor="29,35,40,255" bufferOpacity="1" bufferJoinStyle="128"/>
      </text-style>
      <text-format/>
      <placement placement="8" dist="0.5" distUnits="MM" priority="5"/>
      <rendering drawLabels="1" scaleVisibility="1" scaleMin="0" scaleMax="$labels_from" obstacle="0"/>
    </settings>
  </labeling>
  <fieldConfiguration>
$widgets
  </fieldConfiguration>
  <aliases>
$aliases
  </aliases>
  <defaults>
$defaults
  </defaults>
  <editable>
$editable
  </editable>
  <previewExpression>$display_name</previewExpression>
  <mapTip>&lt;b&gt;[% $display_name %]&lt;/b&gt;&lt;br&gt;
[% coalesce('mean probability ' || format_number("prob_mean", 2), 'no probability known') %]&lt;br&gt;
[% "status" %][% coalesce(': ' || "note", '') %]
[% if("cut", '&lt;br&gt;cut by the border of the analysed area', '') %]</mapTip>
</qgis>
